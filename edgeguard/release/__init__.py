"""What a release is, and whether the one at hand is ours: sums of its files, one signature over them, no way back unasked.

The signature is OpenSSH's (`ssh-keygen -Y sign`), so that a machine without edgeguard judges a release with tools that it has.
Knows nothing of how a release is installed; opens no network.
"""

from edgeguard.release.folder import DownloadedRelease, Verified
from edgeguard.release.signature import NAMESPACE, Signer, signers_of
from edgeguard.release.version import Version

__all__ = ["NAMESPACE", "DownloadedRelease", "Signer", "Verified", "Version", "signers_of"]
