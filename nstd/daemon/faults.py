"""What it means that a worker process cannot be started."""

import errno
import os
import pwd
from pathlib import Path

from nstd.errors import AccessError, NstdError, StorageError


def not_started(error: OSError) -> NstdError:
    """Why the system would not start a worker, and what to do."""
    if not isinstance(error.filename, str):  # the system has no resources now; that may pass
        return StorageError(
            f"The system gives no more processes ({error.strerror or error})",
            "See what else runs, and the limits of nstd's user or unit (TasksMax=, MemoryMax=)",
        )
    path, user = Path(error.filename), _user_name()
    if error.errno in {errno.EACCES, errno.EPERM}:
        return AccessError(
            f"{path} may not be run by {user} ({error.strerror})",
            f"Let {user} run it and enter each folder it lies in, and mount none of them noexec",
        )
    return StorageError(
        f"{path} cannot be run ({error.strerror or error})",
        "If nstd or its Python was installed anew, restart the daemon",
    )


def _user_name() -> str:
    try:
        return f"the user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"the user {os.geteuid()}"
