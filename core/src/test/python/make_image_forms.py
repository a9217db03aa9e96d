"""Writes image-forms.zip and image-forms.csv, which ImageFormsTest reads.

    pip install pillow==13.0.0 numpy==2.4.6
    python make_image_forms.py FOLDER

Small pictures of every form that occurs, good and bad. For a good one the table has what Pillow (with
libjpeg-turbo 3.2.0, libwebp 1.6.0) makes of it: the SHA-256 of Image.open(file).convert("RGB").tobytes().
There are two exceptions, which this script computes itself: 16-bit grey, which Pillow clips at 255, and blank
rows in a run-length encoded BMP, which Pillow loses. For a bad one the table has words of the reason to
refuse it.
"""

import csv
import hashlib
import io
import struct
import sys
import zipfile
import zlib

import numpy as np
from PIL import Image, ImageCms

W, H = 21, 13
RNG = np.random.default_rng(20230618)


def picture(width=W, height=H, noise=10):
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 5 + y / 9), 127 + 120 * np.cos(y / 6), 255 - 7 * x - 3 * y]
    pixels = np.stack(waves, -1) + RNG.normal(0, noise, (height, width, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


RGB = picture()
OTHER = picture(noise=40)
GREY = RGB.convert("L")
ALPHA = Image.fromarray(RNG.integers(0, 256, (H, W), dtype=np.uint8))
RGBA = Image.merge("RGBA", (*RGB.split(), ALPHA))
FEW = RGB.quantize(13)
CMYK = Image.fromarray(RNG.integers(0, 256, (4, 5, 4), dtype=np.uint8), "CMYK").resize((W, H), Image.BICUBIC)
ROWS = []
FILES = {}


def add(name, form, content, pixels=None, reason=None):
    """A good file has the given pixels or else Pillow's; a bad one has a reason."""
    size, digest = ("", ""), ""
    if reason is None:
        if pixels is None:
            pixels = Image.open(io.BytesIO(content)).convert("RGB")
        size, digest = pixels.size, hashlib.sha256(pixels.tobytes()).hexdigest()
    assert name not in FILES and "," not in form + (reason or ""), name
    FILES[name] = content
    ROWS.append([name, form, *size, digest, reason or ""])


def bad(name, form, content, reason):
    add(name, form, content, reason=reason)


def saved(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, format=form, **options)
    return stream.getvalue()


def profile():
    """sRGB's with red and blue exchanged: a reader that applies it is found out."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    content[24:36] = bytes(12)  # date of creation
    red, blue = content.index(b"rXYZ"), content.index(b"bXYZ")
    content[red : red + 4], content[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(content)


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def replaced(content, at, new):
    return content[:at] + new + content[at + len(new) :]


# PNG


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, raw, extra=b"", interlaced=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    )


def filtered(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def packed(values, depth):
    rows = []
    for row in values:
        bits = "".join(format(int(v), f"0{depth}b") for v in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    return rows


def pngs():
    add("rgb.png", "PNG RGB", saved(RGB, "PNG"))
    add("rgba.png", "PNG RGB with alpha", saved(RGBA, "PNG"))
    add("grey.png", "PNG grey", saved(GREY, "PNG"))
    add("grey_alpha.png", "PNG grey with alpha", saved(Image.merge("LA", (GREY, ALPHA)), "PNG"))
    add("grey_key.png", "PNG grey with a transparent level", saved(GREY, "PNG", transparency=77))
    for depth in (1, 2, 4):
        rows = packed(np.asarray(GREY) >> (8 - depth), depth)
        add(f"grey{depth}.png", f"PNG grey of {depth} bits", png(W, H, depth, 0, b"".join(b"\0" + r for r in rows)))
    wide = RNG.integers(0, 65536, (H, W, 4)).astype(">u2")
    grey16 = np.rint(wide[:, :, 0].astype(float) / 257).astype(np.uint8)
    add("grey16.png", "PNG grey of 16 bits", png(W, H, 16, 0, filtered(wide[:, :, 0])),
        pixels=Image.fromarray(grey16).convert("RGB"))
    add("rgb16.png", "PNG RGB of 16 bits", png(W, H, 16, 2, filtered(wide[:, :, :3])))
    add("grey_alpha16.png", "PNG grey with alpha of 16 bits", png(W, H, 16, 4, filtered(wide[:, :, :2])))
    add("rgba16.png", "PNG RGB with alpha of 16 bits", png(W, H, 16, 6, filtered(wide)))
    for bits, colours in ((1, 2), (2, 4), (4, 13), (8, 200)):
        add(f"palette{bits}.png", f"PNG palette of {bits} bits", saved(RGB.quantize(colours), "PNG", bits=bits))
    add("palette_alpha.png", "PNG palette with transparency", saved(FEW, "PNG", transparency=bytes(range(0, 130, 10))))
    index = bytes(range(0, 16 * 16, 16))
    add("palette_short.png", "PNG with indices beyond its palette",
        png(16, 1, 8, 3, b"\0" + index, chunk(b"PLTE", bytes(range(30, 30 + 3 * 40)))))
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    adam7 = b"".join(filtered(np.ascontiguousarray(np.asarray(RGB)[y0::dy, x0::dx])) for x0, y0, dx, dy in passes)
    add("interlaced.png", "PNG interlaced", png(W, H, 8, 2, adam7, interlaced=1))
    add("icc_exif.png", "PNG with a profile and an orientation: not applied",
        saved(RGB, "PNG", icc_profile=profile(), exif=oriented(6)))
    add("animated.png", "PNG animated: the first frame", saved(RGB, "PNG", save_all=True, append_images=[OTHER]))
    add("1x1.png", "PNG of one pixel", saved(picture(1, 1), "PNG"))
    add("surplus.png", "PNG whose data inflate to 32 MiB beyond its rows",
        png(W, H, 8, 2, filtered(np.asarray(RGB)) + bytes(1 << 25)))
    add("png_named.jpg", "PNG with the extension of a JPEG", saved(RGB, "PNG"))
    good = saved(RGB, "PNG")
    bad("cut.png", "PNG cut", good[: len(good) // 2], "truncated")
    bad("flipped.png", "PNG with a flipped bit", replaced(good, 60, bytes([good[60] ^ 4])), "wrong checksum")
    bad("few_rows.png", "PNG with too few rows", png(W, H + 1, 8, 2, filtered(np.asarray(RGB))), "too few pixels")
    bad("no_palette.png", "PNG palette without palette", png(16, 1, 8, 3, b"\0" + index), "without palette")
    bad("order.png", "PNG with pixels before its header", good[:8] + chunk(b"IDAT", b"") + good[8:], "IDAT before IHDR")
    bad("depth.png", "PNG with an impossible depth", png(W, H, 5, 0, b""), "bit depth 5")
    bad("20000x20000.png", "PNG of 20000x20000", png(20000, 20000, 8, 2, b"\0" * 999), "20000x20000")
    bad("bomb.png", "PNG of 13000x13000 in 200 bytes", png(13000, 13000, 8, 2, b"\0" * 999), "too few pixels")


# JPEG


def without_segment(content, marker):
    at = content.index(bytes([0xFF, marker]))
    return content[:at] + content[at + 2 + struct.unpack(">H", content[at + 2 : at + 4])[0] :]


def adobe(content, transform):
    return replaced(content, content.index(b"Adobe") + 11, bytes([transform]))


def jpeg_sized(width, height):
    content = saved(RGB, "JPEG")
    return replaced(content, content.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def jpegs():
    for mode in ("4:4:4", "4:2:2", "4:2:0"):
        add(f"rgb{mode.replace(':', '')}.jpg", f"JPEG {mode}", saved(RGB, "JPEG", quality=85, subsampling=mode))
    add("progressive.jpg", "JPEG progressive", saved(RGB, "JPEG", quality=80, progressive=True))
    add("restarts.jpg", "JPEG with restart markers", saved(RGB, "JPEG", restart_marker_blocks=1))
    add("grey.jpg", "JPEG grey", saved(GREY, "JPEG", quality=90))
    add("rgb_adobe.jpg", "JPEG RGB by Adobe marker", saved(RGB, "JPEG", keep_rgb=True))
    add("no_jfif.jpg", "JPEG without JFIF marker", without_segment(saved(RGB, "JPEG"), 0xE0))
    add("cmyk_adobe.jpg", "JPEG CMYK with Adobe marker", saved(CMYK, "JPEG", quality=90))
    add("cmyk.jpg", "JPEG CMYK without Adobe marker", without_segment(saved(CMYK, "JPEG", quality=90), 0xEE))
    add("ycck.jpg", "JPEG YCCK", adobe(saved(CMYK, "JPEG", quality=90), 2))
    add("cmyk_progressive.jpg", "JPEG CMYK progressive", saved(CMYK, "JPEG", quality=90, progressive=True))
    for orientation in (3, 6):
        add(f"orientation{orientation}.jpg", f"JPEG with EXIF orientation {orientation}: not applied",
            saved(RGB, "JPEG", exif=oriented(orientation)))
    add("icc.jpg", "JPEG with a profile: not applied", saved(RGB, "JPEG", icc_profile=profile()))
    add("1x1.jpg", "JPEG of one pixel", saved(picture(1, 1), "JPEG"))
    add("trailing.jpg", "JPEG with bytes after its end", saved(RGB, "JPEG") + bytes(300))
    add("jpeg_named.png", "JPEG with the extension of a PNG", saved(RGB, "JPEG"))
    good = saved(RGB, "JPEG")
    bad("cut.jpg", "JPEG cut", good[: len(good) * 3 // 4], "truncated")
    bad("short.jpg", "JPEG with an end marker too early", good[:-60] + b"\xff\xd9", "damaged")
    bad("header_only.jpg", "JPEG without a scan", good[: good.index(b"\xff\xda")] + b"\xff\xd9", "no image data")
    bad("12bit.jpg", "JPEG of 12 bits", replaced(good, good.index(b"\xff\xc0") + 4, b"\x0c"), "12 bits per sample")
    frame_header = good.index(b"\xff\xc0")
    two = b"\xff\xc0" + struct.pack(">HBHHB", 14, 8, H, W, 2) + good[frame_header + 10 : frame_header + 16]
    bad("2components.jpg", "JPEG of 2 components", good[:frame_header] + two + good[frame_header + 19 :], "2 components")
    bad("20000x20000.jpg", "JPEG of 20000x20000", jpeg_sized(20000, 20000), "20000x20000")
    bad("bomb.jpg", "JPEG of 13000x13000 in 800 bytes", jpeg_sized(13000, 13000), "cannot hold")


# GIF


def gif(width, height, blocks, palette=None):
    flags = 0 if palette is None else 0xF0 | (len(palette) // 3).bit_length() - 2
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + (palette or b"") + blocks + b";"


def frame(left, top, width, height, indices, palette=None, bits=8):
    """One image block, whose codes never grow: a clear code before every 100 indices."""
    codes = []
    for start in range(0, len(indices), 100):
        codes += [1 << bits, *indices[start : start + 100]]
    codes.append((1 << bits) + 1)
    number = sum(code << (bits + 1) * i for i, code in enumerate(codes))
    data = number.to_bytes(((bits + 1) * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255))
    flags = 0 if palette is None else 0x80 | (len(palette) // 3).bit_length() - 2
    return b"," + struct.pack("<HHHHB", left, top, width, height, flags) + (palette or b"") + bytes([bits]) + blocks + b"\0"


def transparent(index):
    return b"!\xf9\x04\x01\0\0" + bytes([index]) + b"\0"


def gifs():
    colours = bytes(RNG.integers(0, 256, 3 * 256, dtype=np.uint8))
    for count in (2, 13, 256):
        content = saved(picture(48, 40, noise=60).quantize(count), "GIF", interlace=0)
        add(f"colours{count}.gif", f"GIF of {count} colours", content)
    add("interlaced.gif", "GIF interlaced", saved(FEW, "GIF", interlace=1))
    add("grey.gif", "GIF grey", saved(GREY, "GIF"))
    add("full_table.gif", "GIF whose code table fills", saved(picture(64, 64, noise=90).quantize(256), "GIF"))
    add("transparent.gif", "GIF with transparent pixels: they keep the colour of their index",
        saved(FEW, "GIF", transparency=3))
    add("animated.gif", "GIF animated: the first frame",
        saved(RGB, "GIF", save_all=True, append_images=[OTHER], duration=50))
    square = RNG.integers(0, 256, 30, dtype=np.uint8).tolist()
    add("smaller.gif", "GIF with a frame smaller than its screen", gif(11, 9, frame(3, 2, 6, 5, square), colours))
    add("smaller_transparent.gif", "GIF with a small frame and a transparent index",
        gif(11, 9, transparent(7) + frame(3, 2, 6, 5, square), colours))
    add("larger.gif", "GIF with a frame beyond its screen", gif(4, 3, frame(3, 2, 6, 5, square), colours))
    add("local.gif", "GIF with a palette of the frame", gif(6, 5, frame(0, 0, 6, 5, square, colours), bytes(768)))
    add("no_palette.gif", "GIF without palette: grey", gif(6, 5, frame(0, 0, 6, 5, square)))
    add("short_palette.gif", "GIF with indices beyond its palette",
        gif(6, 5, frame(0, 0, 6, 5, square), colours[: 3 * 16]))
    add("short_grey.gif", "GIF with indices beyond its grey palette",
        gif(6, 5, frame(0, 0, 6, 5, square), bytes(i // 3 for i in range(3 * 16))))
    add("comment.gif", "GIF 87a with comments", saved(FEW, "GIF", comment=b"c" * 400).replace(b"GIF89a", b"GIF87a"))
    add("1x1.gif", "GIF of one pixel", saved(picture(1, 1), "GIF"))
    add("gif_named.jpg", "GIF with the extension of a JPEG", saved(FEW, "GIF"))
    good = saved(FEW, "GIF")
    bad("cut.gif", "GIF cut", good[: len(good) * 3 // 4], "truncated")
    bad("no_trailer.gif", "GIF without its trailer", good[:-1], "truncated")
    bad("ends_early.gif", "GIF whose codes end early", gif(6, 5, frame(0, 0, 6, 5, square[:20]), colours), "too few pixels")
    bad("codes.gif", "GIF with an impossible code", gif(6, 5, frame(0, 0, 6, 5, [1, 2, 500]), colours), "LZW code 500")
    bad("no_image.gif", "GIF without an image", gif(6, 5, b""), "no image")
    bad("block.gif", "GIF with an unknown block", gif(6, 5, b"x"), "block of kind 120")
    bad("0x5.gif", "GIF without width", gif(0, 5, frame(0, 0, 0, 5, square)), "0x5 pixels")
    bad("20000x20000.gif", "GIF of 20000x20000", gif(20000, 20000, frame(0, 0, 20000, 20000, square)), "20000x20000")
    bad("bomb.gif", "GIF of 13000x13000 in 90 bytes", gif(13000, 13000, frame(0, 0, 6, 5, square)), "cannot hold")


# BMP


def bmp(width, height, bits, rows, compression=0, extra=b"", colours=0, size=40, offset=None):
    """extra: palette or masks, after the header"""
    if size == 12:
        header = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        header = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, len(rows), 0, 0, colours, 0)
    start = 14 + len(header) + len(extra) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + extra + rows


def aligned(rows):
    return b"".join(row + bytes(-len(row) % 4) for row in rows)


def bmps():
    pixels = np.asarray(RGB)
    colours = RNG.integers(0, 256, (256, 4), dtype=np.uint8).tobytes()
    deep = pixels.astype("<u4")
    for bits in (1, 4, 8):
        rows = packed(RNG.integers(0, 1 << bits, (H, W)), bits)
        add(f"palette{bits}.bmp", f"BMP palette of {bits} bits",
            bmp(W, H, bits, aligned(rows), extra=colours[: 4 << bits]))
    add("grey.bmp", "BMP grey", saved(GREY, "BMP"))
    add("rgb.bmp", "BMP of 24 bits", saved(RGB, "BMP"))
    bgr = aligned([row[:, ::-1].tobytes() for row in pixels])
    add("top_down.bmp", "BMP from top to bottom", bmp(W, -H, 24, bgr))
    add("os2.bmp", "BMP of OS/2 with a palette",
        bmp(W, H, 4, aligned(packed(RNG.integers(0, 16, (H, W)), 4)), extra=colours[:48], size=12))
    add("rgb32.bmp", "BMP of 32 bits: the last 8 mean nothing",
        bmp(W, H, 32, np.dstack([pixels[:, :, ::-1], np.asarray(ALPHA)]).tobytes()))
    add("rgba.bmp", "BMP with alpha by masks", saved(RGBA, "BMP"))
    add("rgb555.bmp", "BMP of 16 bits",
        bmp(W, H, 16, aligned([((r[:, 0] >> 3 << 10) | (r[:, 1] >> 3 << 5) | (r[:, 2] >> 3)).astype("<u2").tobytes() for r in deep])))
    add("rgb565.bmp", "BMP of 16 bits by masks",
        bmp(W, H, 16, aligned([((r[:, 0] >> 3 << 11) | (r[:, 1] >> 2 << 5) | (r[:, 2] >> 3)).astype("<u2").tobytes() for r in deep]),
            3, struct.pack("<III", 0xF800, 0x7E0, 0x1F)))
    add("xbgr.bmp", "BMP of 32 bits by other masks",
        bmp(W, H, 32, ((deep[:, :, 0] << 24) | (deep[:, :, 1] << 16) | (deep[:, :, 2] << 8)).astype("<u4").tobytes(),
            3, struct.pack("<III", 0xFF000000, 0xFF0000, 0xFF00)))
    runs8 = bytes([4, 9, 0, 3, 1, 2, 3, 0, 2, 7, 0, 0, 9, 200, 0, 0, 0, 2, 5, 0, 4, 77, 0, 1])
    add("runs8.bmp", "BMP run-length encoded of 8 bits", bmp(9, 3, 8, runs8, 1, colours))
    runs4 = bytes([5, 0x12, 0, 4, 0x34, 0x56, 0, 0, 9, 0x78, 0, 0, 0, 9, 0x9A, 0xBC, 0xDE, 0xF0, 0x10, 0, 0, 1])
    add("runs4.bmp", "BMP run-length encoded of 4 bits", bmp(9, 3, 4, runs4, 2, colours[:64]))
    blank = Image.new("P", (3, 3))
    blank.putdata([5, 5, 5, 0, 0, 0, 9, 9, 9])
    blank.putpalette(colours, "BGRX")
    add("blank_row.bmp", "BMP run-length encoded with a blank row",
        bmp(3, 3, 8, bytes([3, 9, 0, 0, 0, 0, 3, 5, 0, 1]), 1, colours), pixels=blank.convert("RGB"))
    add("short_palette.bmp", "BMP with indices beyond its palette",
        bmp(W, H, 8, aligned(packed(RNG.integers(0, 256, (H, W)), 8)), extra=colours[: 4 * 40], colours=40))
    add("offset.bmp", "BMP whose offset leaves the palette out",
        bmp(W, H, 8, aligned(packed(RNG.integers(0, 256, (H, W)), 8)), extra=colours, offset=54))
    add("1x1.bmp", "BMP of one pixel", saved(picture(1, 1), "BMP"))
    add("bmp_named.png", "BMP with the extension of a PNG", saved(RGB, "BMP"))
    good = saved(RGB, "BMP")
    bad("cut.bmp", "BMP cut", good[:-5], "truncated")
    bad("header.bmp", "BMP with less than its header", good[:30], "truncated")
    bad("runs_end.bmp", "BMP whose runs end early", bmp(9, 3, 8, bytes([9, 1, 0, 0, 0, 1]), 1, colours), "too few pixels")
    bad("embedded.bmp", "BMP with a PNG inside", bmp(W, H, 24, saved(RGB, "PNG"), 5), "compression 5")
    bad("2bits.bmp", "BMP of 2 bits", bmp(W, H, 2, bytes(100), extra=colours[:16]), "2 bits per pixel")
    bad("masks.bmp", "BMP with 10 bits a colour",
        bmp(W, H, 32, bytes(4 * W * H), 3, struct.pack("<III", 0x3FF00000, 0xFFC00, 0x3FF)), "colour mask 0x3ff00000")
    bad("0x5.bmp", "BMP without width", bmp(0, 5, 24, b""), "0x5 pixels")
    bad("20000x20000.bmp", "BMP of 20000x20000", bmp(20000, 20000, 24, bytes(99)), "20000x20000")
    bad("bomb.bmp", "BMP of 13000x13000 run-length encoded in 1 kB", bmp(13000, 13000, 8, bytes(99), 1, colours), "cannot hold")


# WebP


def riff(*chunks):
    body = b"".join(kind + struct.pack("<I", len(c)) + c + bytes(len(c) % 2) for kind, c in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def three(number):
    return struct.pack("<I", number)[:3]


def extended(flags, width, height):
    return b"VP8X", bytes([flags, 0, 0, 0]) + three(width - 1) + three(height - 1)


def animation_frame(left, top, image, flags=0, **options):
    inner = saved(image, "WEBP", **options)[12:]
    place = three(left // 2) + three(top // 2) + three(image.width - 1) + three(image.height - 1)
    return b"ANMF", place + three(50) + bytes([flags]) + inner


def webps():
    def lossless(image, **options):
        return saved(image, "WEBP", lossless=True, **options)

    add("rgb.webp", "WebP lossless", lossless(RGB))
    add("large.webp", "WebP lossless: larger", lossless(picture(64, 48, noise=3)))
    add("rgba.webp", "WebP lossless with alpha", lossless(RGBA, exact=True))
    for count in (2, 4, 13, 200):
        add(f"colours{count}.webp", f"WebP lossless of {count} colours", lossless(picture(40, 31).quantize(count).convert("RGB")))
    add("grey.webp", "WebP lossless grey", lossless(GREY))
    add("fast.webp", "WebP lossless: least effort", lossless(RGB, quality=0, method=0))
    add("icc_exif.webp", "WebP lossless with a profile and an orientation: not applied",
        lossless(RGB, icc_profile=profile(), exif=oriented(6)))
    add("animated.webp", "WebP lossless animated: the first frame",
        lossless(RGB, save_all=True, append_images=[OTHER], duration=50))
    background = b"ANIM", b"\x10\x20\x30\xff\0\0"
    add("smaller.webp", "WebP lossless animated: black around a first frame smaller than the canvas",
        riff(extended(2, W + 8, H + 6), background, animation_frame(4, 2, RGB, lossless=True),
             animation_frame(0, 0, OTHER, lossless=True)))
    add("1x1.webp", "WebP lossless of one pixel", lossless(picture(1, 1)))
    add("webp_named.jpg", "WebP lossless with the extension of a JPEG", lossless(RGB))
    good = lossless(RGB)
    for name, options in ("lossy", {}), ("lossy_fast", {"quality": 60, "method": 0}):
        lossy = saved(RGB, "WEBP", **options)
        bad(f"{name}.webp", "WebP lossy", lossy, "lossy WebP")
        add(f"{name}.png", f"PNG of the pixels of {name}.webp", saved(Image.open(io.BytesIO(lossy)), "PNG"))
    bad("lossy_alpha.webp", "WebP lossy with alpha", saved(RGBA, "WEBP"), "lossy WebP")
    bad("lossy_animated.webp", "WebP lossy animated", saved(RGB, "WEBP", save_all=True, append_images=[OTHER]), "lossy WebP")
    bad("cut.webp", "WebP cut", good[: len(good) * 3 // 4], "truncated")
    stream = good[20:-60]
    bad("stream_ends.webp", "WebP whose stream ends early", riff((b"VP8L", stream)), "stream is truncated")
    bad("no_image.webp", "WebP without an image", riff(extended(0, W, H)), "no image")
    bad("chunk.webp", "WebP whose chunk is longer than the file", replaced(good, 16, b"\xff\xff\0\0"), "damaged")
    bad("signature.webp", "WebP without the signature of its stream", replaced(good, 20, b"\0"), "damaged")
    bad("beyond.webp", "WebP with a frame beyond the canvas",
        riff(extended(2, W, H), background, animation_frame(4, 2, RGB, lossless=True)), "damaged")
    bad("16384x16384.webp", "WebP of 16384x16384", replaced(good, 21, struct.pack("<I", (1 << 28) - 1)), "16384x16384")
    bad("20000x20000.webp", "WebP with a canvas of 20000x20000",
        riff(extended(2, 20000, 20000), background, animation_frame(0, 0, RGB, lossless=True)), "20000x20000")
    bad("bomb.webp", "WebP of 13000x13000 in 1 kB",
        replaced(good, 21, struct.pack("<I", 12999 | 12999 << 14)), "cannot hold")


def others():
    bad("empty.png", "empty file", b"", "empty")
    bad("text.png", "text", b"file,label\na.png,3\n", "no image of a known format")
    bad("tiff.jpg", "TIFF", saved(RGB, "TIFF"), "TIFF image")
    bad("short.jpg.png", "three bytes of a PNG", b"\x89PN", "no image of a known format")
    bad("avif.png", "AVIF", saved(RGB, "AVIF"), "no image of a known format")


for forms in (pngs, jpegs, gifs, bmps, webps, others):
    forms()
folder = sys.argv[1]
with zipfile.ZipFile(f"{folder}/image-forms.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for name, content in FILES.items():
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
with open(f"{folder}/image-forms.csv", "w", newline="") as out:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "form", "width", "height", "sha256", "reason"])
    writer.writerows(ROWS)
print(sum(row[4] != "" for row in ROWS), "good,", sum(row[5] != "" for row in ROWS), "bad")
