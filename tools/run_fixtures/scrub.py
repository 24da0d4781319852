"""Copy what a tool wrote, without the paths and the name of the machine that it was written on."""

import re
import shutil
import socket
import sys
from pathlib import Path

source, files, *paths = sys.argv[1:]
Path(files).mkdir(parents=True, exist_ok=True)
for path in sorted(Path(source).iterdir()):
    data = path.read_bytes()
    if path.suffix == ".eval":
        shutil.copy(path, Path(files) / path.name)
        continue
    text = data.decode()
    for place in (*sorted(paths, key=len, reverse=True), str(Path.home())):
        text = text.replace(place, "/home/user")
    text = re.sub(rf'(hostname=")({re.escape(socket.gethostname())})"', r"\1host\"", text)
    (Path(files) / path.name).write_text(text)
