"""What associations negotiate: SOP classes, transfer syntaxes and roles by kind of work."""

from __future__ import annotations

from dataclasses import dataclass

from pacsflow.terms import sop_classes


@dataclass(frozen=True, slots=True)
class Profile:
    """The negotiation of one kind of association, as `dicom.log` tells it.

    Parameters
    ----------
    name
        What the association is for.
    sop_classes
        Accepted abstract syntaxes, names of the registry, in context order.
    transfer_syntaxes
        Accepted transfer syntaxes, names of the registry.
    ctx_offered, ctx_accepted
        Presentation contexts.
    orig_role
        Role of the originator after role selection: scu or scp.
    """

    name: str
    sop_classes: tuple[str, ...]
    transfer_syntaxes: tuple[str, ...] = ("ExplicitVRLittleEndian",)
    ctx_offered: int = 1
    ctx_accepted: int = 1
    orig_role: str = "scu"

    @property
    def services(self) -> tuple[str, ...]:
        """Services of the accepted SOP classes, first come first."""
        return tuple(dict.fromkeys(_BY_NAME[name].service for name in self.sop_classes))

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the accepted storage SOP classes, first come first."""
        found = (_BY_NAME[name].modality for name in self.sop_classes)
        return tuple(dict.fromkeys(modality for modality in found if modality))

    @property
    def resp_role(self) -> str:
        """The responder's role, the mirror image of the originator's."""
        return "scp" if self.orig_role == "scu" else "scu"


_BY_NAME = {row.name: row for row in sop_classes().values()}
_EXPLICIT, _IMPLICIT = "ExplicitVRLittleEndian", "ImplicitVRLittleEndian"

STORAGE: dict[str, tuple[str, ...]] = {
    "CT": ("CTImageStorage", "XRayRadiationDoseSRStorage"),
    "MR": ("MRImageStorage",),
    "CR": ("ComputedRadiographyImageStorage",),
    "DX": ("DigitalXRayImageStorageForPresentation",),
    "US": ("UltrasoundImageStorage", "UltrasoundMultiFrameImageStorage"),
    "MG": (
        "DigitalMammographyXRayImageStorageForPresentation",
        "DigitalMammographyXRayImageStorageForProcessing",
    ),
    "XA": ("XRayAngiographicImageStorage", "XRayRadiationDoseSRStorage"),
    "NM": ("NuclearMedicineImageStorage",),
}
"""Storage SOP classes that each modality sends."""

_FIND, _MOVE, _GET = (
    f"StudyRootQueryRetrieveInformationModel{operation}" for operation in ("Find", "Move", "Get")
)
_COMPRESSED = {"US": "JPEGBaseline8Bit", "XA": "JPEGLosslessSV1", "CR": "JPEGLosslessSV1"}

PROFILES: tuple[Profile, ...] = (
    Profile("none", (), (), 0, 0),
    Profile("echo", ("Verification",), (_IMPLICIT,)),
    Profile("worklist", ("ModalityWorklistInformationModelFind",), (_IMPLICIT,)),
    Profile("mpps", ("ModalityPerformedProcedureStep",)),
    Profile("commit", ("StorageCommitmentPushModel",)),
    Profile("commit result", ("StorageCommitmentPushModel",), orig_role="scp"),
    Profile("find", (_FIND,), (_IMPLICIT,)),
    Profile("move", (_FIND, _MOVE), (_IMPLICIT,), 2, 2),
    Profile("print", ("BasicGrayscalePrintManagementMeta",), (_IMPLICIT,), 2),
    *(
        Profile(
            f"store {modality}",
            names,
            (_COMPRESSED.get(modality, _EXPLICIT), *((_IMPLICIT,) if len(names) > 1 else ())),
            2 * len(names) + 1,
            len(names),
        )
        for modality, names in STORAGE.items()
    ),
    *(
        Profile(f"archive {modality}", names, ("JPEG2000Lossless",), 3 * len(names), len(names))
        for modality, names in STORAGE.items()
    ),
    *(
        Profile(f"get {modality}", (_FIND, _GET, names[0]), (_IMPLICIT, "JPEGBaseline8Bit"), 3, 3)
        for modality, names in STORAGE.items()
    ),
    Profile(
        "get everything",
        (_FIND, _GET, *(names[0] for names in STORAGE.values())),
        (_IMPLICIT, _EXPLICIT),
        24,
        10,
    ),
    Profile(
        "backfill", tuple(names[0] for names in STORAGE.values()), ("JPEG2000Lossless",), 64, 8
    ),
)
_INDEX = {profile.name: i for i, profile in enumerate(PROFILES)}


def profile(name: str) -> int:
    """Return the index of the profile called `name`."""
    return _INDEX[name]
