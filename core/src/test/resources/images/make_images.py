"""Writes the pictures beside it and what Pillow makes of them: NAME.npy is
Image.open(NAME).convert("RGB") as uint8 [height, width, 3]; resized.npz is
noise.png resized, by "PILFILTER_WIDTHxHEIGHT".

python make_images.py          needs numpy and Pillow
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms

W, H = 23, 17
rng = np.random.default_rng(20230618)
y, x = np.mgrid[0:H, 0:W]
smooth = np.stack([x * 255 / (W - 1), y * 255 / (H - 1), 255 - (x + y) * 255 / (W + H - 2)], -1)
rgb = np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)
picture = Image.fromarray(rgb)
grey = picture.convert("L")
alpha = Image.fromarray(rng.integers(0, 256, (H, W), dtype=np.uint8))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(depth, colour, rows, extra=b"", width=W, height=H, interlaced=0):
    """rows: bytes of each scanline, filter byte included"""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
            + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b""))


def unfiltered(array):
    return [b"\0" + row.tobytes() for row in array]


def packed(values, depth):
    rows = []
    for row in values:
        bits = "".join(format(int(v), f"0{depth}b") for v in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big"))
    return rows


def adam7(array):
    rows = []
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4),
                           (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = array[y0::dy, x0::dx]
        if part.size:
            rows += unfiltered(np.ascontiguousarray(part))
    return rows


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, **options)
    return stream.getvalue()


def jpeg(image, **options):
    return saved(image, format="JPEG", **options)


def without_app0(content):
    assert content[2:4] == b"\xff\xe0"
    return content[:2] + content[4 + struct.unpack(">H", content[4:6])[0]:]


def other_colours():
    """sRGB's profile with red and blue exchanged: a reader that applies it is found out."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red:red + 4], profile[blue:blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def oriented():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def as_ycck(content):
    """the same entropy-coded data, declared YCCK by Adobe's transform flag"""
    at = content.index(b"Adobe")
    return content[:at + 11] + b"\x02" + content[at + 12:]


cmyk = Image.fromarray(rng.integers(0, 256, (4, 5, 4), dtype=np.uint8), "CMYK").resize((W, H), Image.BICUBIC)
wide = rng.integers(0, 65536, (H, W, 3)).astype(">u2")
wide_alpha = rng.integers(0, 65536, (H, W, 4)).astype(">u2")
few = picture.quantize(11)
files = {
    "rgb444.jpg": jpeg(picture, quality=95, subsampling=0),
    "rgb420.jpg": jpeg(picture, quality=75, subsampling=2),
    "rgb422.jpg": jpeg(picture, quality=85, subsampling=1),
    "progressive.jpg": jpeg(picture, quality=80, progressive=True),
    "restarts.jpg": jpeg(picture, quality=80, restart_marker_blocks=1),
    "grey.jpg": jpeg(grey, quality=90),
    "icc.jpg": jpeg(picture, quality=90, icc_profile=other_colours()),
    "orientation.jpg": jpeg(picture, quality=90, exif=oriented()),
    "adobe_rgb.jpg": jpeg(picture, quality=90, keep_rgb=True),
    "no_jfif.jpg": without_app0(jpeg(picture, quality=90, subsampling=0)),
    "cmyk.jpg": jpeg(cmyk, quality=90),
    "ycck.jpg": as_ycck(jpeg(cmyk, quality=90)),
    "rgb.png": saved(picture, format="PNG"),
    "rgba.png": saved(Image.merge("RGBA", (*picture.split(), alpha)), format="PNG"),
    "grey.png": saved(grey, format="PNG"),
    "grey_alpha.png": saved(Image.merge("LA", (grey, alpha)), format="PNG"),
    "grey_transparent.png": saved(grey, format="PNG", transparency=int(np.asarray(grey)[3, 3])),
    "palette.png": saved(few, format="PNG", bits=4),
    "palette_transparent.png": saved(few, format="PNG", transparency=bytes(range(0, 220, 20))),
    "one_bit.png": saved(picture.convert("1"), format="PNG"),
    "two_bits.png": png(2, 0, packed(np.asarray(grey) >> 6, 2)),
    "interlaced.png": png(8, 2, adam7(rgb), interlaced=1),
    "rgb16.png": png(16, 2, unfiltered(wide)),
    "rgba16.png": png(16, 6, unfiltered(wide_alpha)),
    "gamma_icc.png": saved(picture, format="PNG", icc_profile=other_colours()).replace(
        chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0)),
        chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0))
        + chunk(b"gAMA", struct.pack(">I", 100000))),
}
for name, content in files.items():
    with open(name, "wb") as out:
        out.write(content)
    np.save(name + ".npy", np.asarray(Image.open(io.BytesIO(content)).convert("RGB")))

# Pillow clips 16-bit grey at 255; here 65535 is white, the nearest of v/257.
deep = rng.integers(0, 65536, (H, W)).astype(">u2")
with open("grey16.png", "wb") as out:
    out.write(png(16, 0, unfiltered(deep)))
levels = np.rint(deep.astype(np.float64) / 257).astype(np.uint8)
np.save("grey16.png.npy", np.repeat(levels[:, :, None], 3, 2))

noise = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
noise.save("noise.png")
np.savez_compressed("resized.npz", **{
    f"{filter.value}_{width}x{height}": np.asarray(noise.resize((width, height), filter))
    for filter in map(Image.Resampling, range(6))
    for width, height in [(20, 15), (80, 60), (1, 1), (40, 7), (57, 31), (3, 70), (39, 30)]})
