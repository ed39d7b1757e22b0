"""What encodes a film: software, or NVIDIA's encoder where that was asked for and works."""

import logging

from nstd.ledger.job import Job, path_of
from nstd.media.write.codecs import EncoderKind
from nstd.media.write.hardware import why_no_nvenc
from nstd.submit.output import OutputSpec

logger = logging.getLogger(__name__)


def choose_encoder(job: Job) -> tuple[EncoderKind, str]:
    """What encodes a job's film, and a sentence where it is not what was asked for.

    Segments of two encoders cannot be joined. So a film that was begun in software goes on in
    software, and one that NVIDIA's encoder has begun goes on with that as long as it works.

    Raises:
        LedgerError: The job is of another version.
    """
    wanted = OutputSpec.from_json(job.request.output).encode
    begun_otherwise = job.plan is not None and job.plan.get("encoder") != wanted.encoder
    if wanted.encoder == "software" or begun_otherwise:
        return "software", ""
    why = why_no_nvenc(wanted.codec)
    if why is None:
        return "nvenc", ""
    said = f"software: NVIDIA's encoder does not work here ({why})"
    logger.warning("%s is encoded in %s", path_of(job.request.source).name, said)
    return "software", said
