"""Writes tests/fixtures/png.json: PNG images made by hand with Python's zlib, in Base64.

Run from the root of the repository:

    python3 tools/golden_png.py

The images are 9 pixels wide and 7 high; the byte of channel c, row i and column j is
(90 c + 23 i + 7 j j + i j) mod 256. Row i uses the filter i mod 5, so all five occur; the pixels lie in two
IDAT chunks, a chunk that may be ignored stands before them.
"""

import base64
import json
import struct
import zlib

WIDTH, HEIGHT = 9, 7
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def prediction(kind, a, b, c):
    if kind == 4:
        return min((a, b, c), key=lambda value: abs(a + b - c - value))  # the first of the nearest
    return (0, a, b, (a + b) // 2)[kind]


def png(channels):
    rows = [
        [(90 * c + 23 * i + 7 * j * j + i * j) % 256 for j in range(WIDTH) for c in range(channels)]
        for i in range(HEIGHT)
    ]
    packed = b""
    for i, row in enumerate(rows):
        above = rows[i - 1] if i > 0 else [0] * len(row)
        packed += bytes([i % 5])
        for k, value in enumerate(row):
            left, corner = (row[k - channels], above[k - channels]) if k >= channels else (0, 0)
            packed += bytes([(value - prediction(i % 5, left, above[k], corner)) % 256])
    data = zlib.compress(packed)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, COLOUR_TYPES[channels], 0, 0, 0))
        + chunk(b"tEXt", b"Title\0nine by seven")
        + chunk(b"IDAT", data[:20])
        + chunk(b"IDAT", data[20:])
        + chunk(b"IEND", b"")
    )


with open("tests/fixtures/png.json", "w") as file:
    images = {str(c): base64.b64encode(png(c)).decode() for c in COLOUR_TYPES}
    json.dump(images, file, indent=1)
    file.write("\n")
