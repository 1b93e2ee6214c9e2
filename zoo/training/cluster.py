"""The machines of a run, from the environment variable TF_CONFIG: checked, and waited for.

TF_CONFIG='{"cluster": {"worker": ["a:9000", "b:9000"]}, "task": {"type": "worker", "index": 0}}'
"""

import dataclasses
import errno
import json
import os
import socket
import time

EXAMPLE = '{"cluster": {"worker": ["host1:9000", "host2:9000"]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Who takes part in a run.

    Args:
        workers: "host:port" of each process, in order.
        index: this one's number.

    Example:
        >>> Cluster(("a:1", "b:1"), index=1).is_chief
        False
    """

    workers: tuple
    index: int

    @property
    def is_chief(self):
        return self.index == 0

    def wait(self, seconds=300):
        """Returns once every worker listens on its port.

        Raises: ValueError where this worker's own port is taken or a host is unknown; TimeoutError that names
        the workers that never came.
        """
        host, port = _address(self.workers[self.index])
        with socket.socket() as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                own.bind(("", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                raise ValueError(
                    f"TF_CONFIG: expected a free port for worker {self.index}, found {port} taken on {host}"
                ) from error
            own.listen(len(self.workers))
            missing = [w for i, w in enumerate(self.workers) if i != self.index]
            end = time.monotonic() + seconds
            while missing and time.monotonic() < end:
                missing = [worker for worker in missing if not _listens(worker)]
                time.sleep(0.2 if missing else 0)
            if missing:
                raise TimeoutError(
                    f"TF_CONFIG: expected {len(self.workers)} workers, found no answer from {missing} within "
                    f"{seconds} s; start them, or take them out of the cluster"
                )
            # Those that began later still look for this port: TensorFlow's server takes it over in a moment.


def from_environment():
    """The `Cluster` of TF_CONFIG, or None where it is not set or names one worker only.

    Raises: ValueError that says what is wrong with TF_CONFIG.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text or text == "{}":
        return None
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config.get("task", {})
        jobs = {job: list(hosts) for job, hosts in cluster.items()}
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"TF_CONFIG: expected JSON such as {EXAMPLE}, found {text!r}") from error
    unknown = sorted(set(jobs) - {"chief", "worker"})
    if unknown:
        raise ValueError(f"TF_CONFIG: expected the jobs chief and worker, found {unknown}")
    if kind not in jobs or not 0 <= index < len(jobs[kind]):
        sizes = {job: len(hosts) for job, hosts in jobs.items()}
        raise ValueError(f"TF_CONFIG: expected a task of the cluster {sizes}, found {kind} {index}")
    workers = (*jobs.get("chief", ()), *jobs.get("worker", ()))
    for worker in workers:
        _address(worker)
    twice = sorted({worker for worker in workers if workers.count(worker) > 1})
    if twice:
        raise ValueError(f"TF_CONFIG: expected an address for each worker, found {twice} twice")
    if len(workers) < 2:
        return None
    return Cluster(workers, index + (len(jobs.get("chief", ())) if kind == "worker" else 0))


def _address(worker):
    host, _, port = str(worker).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"TF_CONFIG: expected workers as host:port, found {worker!r}")
    return host, int(port)


def _listens(worker):
    host, port = _address(worker)
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except socket.gaierror as error:
        raise ValueError(f"TF_CONFIG: expected a known host, found {host!r}") from error
    except OSError:
        return False
