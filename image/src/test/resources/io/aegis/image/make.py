"""Makes the reference files of this folder with Pillow 12.3, OpenCV 5.0 and scikit-image 0.26.

Pictures that Java cannot write, each with what Pillow's convert('RGB') or convert('L') makes of it (NAME.png), and
references.txt: CRC-32 of what the three libraries compute from one formula picture, a line a case.
OpenCV 4.14 gives the same lines as 5.0.
"""

import zlib

import cv2
import numpy as np
from PIL import Image
from skimage.feature import hog, local_binary_pattern

lines = []


def formula(w, h, c):
    y, x, k = np.ogrid[:h, :w, :c]
    return ((7 * x + 13 * y + 29 * k + 3 * ((x * y) % 17)) & 255).astype(np.uint8)


def crc(a):
    return "%08x" % zlib.crc32(np.ascontiguousarray(a).tobytes())


# Pictures. A smooth one, so that lossy formats hold it.
tiny = np.random.default_rng(7).integers(0, 256, (4, 6, 3), dtype=np.uint8)
smooth = Image.fromarray(tiny).resize((37, 26), Image.BICUBIC)


def expected(name, mode="RGB"):
    Image.open(name).convert(mode).save(name.rsplit(".", 1)[0] + ".png", optimize=True)


for name, sampling in (("444", 0), ("422", 1), ("420", 2)):
    smooth.save(f"ycbcr{name}.jpg", subsampling=sampling, quality=90)
    expected(f"ycbcr{name}.jpg")
smooth.save("progressive.jpg", progressive=True)
expected("progressive.jpg")
smooth.save("rgb.jpg", keep_rgb=True, quality=90)
expected("rgb.jpg")
smooth.convert("L").save("gray.jpg", quality=90)
expected("gray.jpg", "L")
ink = smooth.convert("CMYK")
k = Image.fromarray((np.arange(37 * 26).reshape(26, 37) // 7 % 200).astype(np.uint8))
ink = Image.merge("CMYK", (*ink.split()[:3], k))
ink.save("cmyk.jpg", quality=90)
expected("cmyk.jpg")
# The same components declared to be YCCK: transform 2 in Adobe's marker.
data = bytearray(open("cmyk.jpg", "rb").read())
at = data.index(b"Adobe") + 11
assert data[at] == 0
data[at] = 2
open("ycck.jpg", "wb").write(data)
expected("ycck.jpg")
exif = Image.Exif()
exif[0x0112] = 6
smooth.save("orientation6.jpg", subsampling=0, quality=90, exif=exif)
expected("orientation6.jpg")
smooth.save("lossy.webp", quality=90)
expected("lossy.webp")
# Gray and tall: what the loop filter or the prediction gets wrong adds up down the picture.
tall = np.random.default_rng(8).integers(0, 256, (12, 4), dtype=np.uint8)
tall = Image.fromarray(tall).resize((50, 170), Image.BICUBIC).convert("RGB")
tall.save("tall.webp", quality=60)
expected("tall.webp")
smooth.save("lossless.webp", lossless=True)
expected("lossless.webp")
rgba = smooth.convert("RGBA")
rgba.putalpha(k)
rgba.save("alpha.webp", lossless=True, exact=True)
expected("alpha.webp")

# Numbers.
for (w, h), (ow, oh) in [
    ((48, 60), (37, 41)), ((48, 60), (96, 120)), ((48, 60), (24, 30)), ((48, 60), (16, 20)), ((48, 60), (48, 200)),
    ((48, 60), (200, 60)), ((1, 1), (5, 7)), ((3, 50), (23, 24)), ((131, 97), (224, 224)), ((640, 480), (224, 224)),
    ((13, 1), (64, 65)),
]:
    for c in (1, 3):
        a = formula(w, h, c)
        lines.append(f"opencv {w} {h} {c} {ow} {oh} {crc(cv2.resize(a, (ow, oh)))}")
        p = Image.fromarray(a if c == 3 else a[:, :, 0])
        for f in ("BILINEAR", "BICUBIC", "LANCZOS"):
            lines.append(f"{f} {w} {h} {c} {ow} {oh} {crc(np.array(p.resize((ow, oh), getattr(Image, f))))}")
for w, h in [(48, 60), (131, 97), (16, 16), (65, 33)]:
    a = formula(w, h, 3)
    g = np.array(Image.fromarray(a).convert("L"))
    lines.append(f"gray_pillow {w} {h} 3 0 0 {crc(g)}")
    lines.append(f"gray_opencv {w} {h} 3 0 0 {crc(cv2.cvtColor(a[:, :, ::-1].copy(), cv2.COLOR_BGR2GRAY))}")
    for method in ("default", "uniform"):
        v = local_binary_pattern(g, 8, 1, method).astype(np.uint8)
        lines.append(f"lbp_{method} {w} {h} 1 0 0 {crc(v)}")
    for orientations, cell, block in ((9, 8, 2), (4, 7, 1), (12, 5, 3), (1, 3, 2), (9, 2, 2)):
        _, picture = hog(g, orientations, (cell, cell), (block, block), visualize=True) if min(w, h) >= cell * block else (
            None, None)
        if picture is not None:
            # Whole 64ths, so that the last bits of a sum do not decide.
            v = np.floor(picture * 64 + 0.5).astype("<i4")
            lines.append(f"hog_{orientations}_{cell}_{block} {w} {h} 1 0 0 {crc(v)}")
open("references.txt", "w").write("\n".join(lines) + "\n")
