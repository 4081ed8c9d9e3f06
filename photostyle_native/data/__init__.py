"""Two photos with masks that come with the package; `README.md` says where they are from."""

from pathlib import Path

_FOLDER = Path(__file__).parent
CONTENT, CONTENT_MASK = _FOLDER / "china.jpg", _FOLDER / "china_mask.png"
STYLE, STYLE_MASK = _FOLDER / "rocket.jpg", _FOLDER / "rocket_mask.png"
