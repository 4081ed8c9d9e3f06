"""The demo's two photos and their masks, and looks by name; `README.md` in this folder says where they come from."""

from pathlib import Path

_FOLDER = Path(__file__).parent
CONTENT, CONTENT_MASK = _FOLDER / "china.jpg", _FOLDER / "china_mask.png"
STYLE, STYLE_MASK = _FOLDER / "rocket.jpg", _FOLDER / "rocket_mask.png"
LOOKS = _FOLDER / "looks"  # a folder of .npz files
