#!/usr/bin/python3
"""Writes packages/mobinet/fixtures: small pictures in many formats, and the pixels that Pillow decodes from them.

    /usr/bin/python3 scripts/make-picture-fixtures.py

Needs Pillow and NumPy (Debian: python3-pil, python3-numpy). The pixels in expected.json are the result of
ImageOps.exif_transpose, then of pasting pictures with transparency on white, and of convert('RGB') for all others.
Where Pillow cannot decode a format, or is known to be wrong, this script computes the pixels itself.
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

folder = Path(__file__).parent.parent / 'packages/mobinet/fixtures'
folder.mkdir(exist_ok=True)


def fixtures():
    """The files that this script writes. torch-gradients.py writes another one to the same folder."""
    return [path for path in folder.iterdir() if path.suffix != '.safetensors']


for path in fixtures():
    path.unlink()
expected = {}

HEIGHT, WIDTH = 18, 26
rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]


def wave(seed):
    """A smooth channel that every rotation and reflection changes."""
    return (128 + 70 * np.sin(0.21 * rows + seed) + 55 * np.cos(0.17 * columns + 2 * seed)).clip(0, 255).astype('u1')


red, green, blue, alpha = (wave(seed) for seed in range(4))
alpha = np.where(rows < 4, 0, np.where(rows > 13, 255, alpha)).astype('u1')
photo = Image.fromarray(np.stack([red, green, blue], -1))
rgba = Image.fromarray(np.stack([red, green, blue, alpha], -1))
gray = Image.fromarray(red)


def pixels_of(data):
    """The pixels that Pillow decodes."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if picture.mode in ('RGBA', 'LA', 'PA') or 'transparency' in picture.info:
        picture = picture.convert('RGBA')
        white = Image.new('RGB', picture.size, 'white')
        white.paste(picture, mask=picture.getchannel('A'))
        picture = white
    return np.asarray(picture.convert('RGB'))


def write(name, data, pixels=None, tolerance=0):
    """Writes a fixture. `tolerance` is the greatest difference of a byte: JPEG decoders may round differently."""
    (folder / name).write_bytes(data)
    pixels = pixels_of(data) if pixels is None else pixels
    expected[name] = {
        'height': pixels.shape[0],
        'width': pixels.shape[1],
        'tolerance': tolerance,
        'pixels': base64.b64encode(pixels.astype('u1').tobytes()).decode(),
    }


def encoded(picture, format, **options):
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# JPEG.
jpeg = lambda picture, **options: encoded(picture, 'JPEG', **{'quality': 92, **options})
for orientation in range(1, 9):
    write(f'exif-{orientation}.jpg', jpeg(photo, subsampling=0, exif=exif(orientation)), tolerance=1)
write('exif-9.jpg', jpeg(photo, subsampling=0, exif=exif(9)), tolerance=1)
write('420.jpg', jpeg(photo, subsampling=2), tolerance=1)
write('422.jpg', jpeg(photo, subsampling=1), tolerance=1)
write('progressive.jpg', jpeg(photo, progressive=True), tolerance=1)
write('gray.jpg', jpeg(gray), tolerance=1)


def without_jfif(data):
    length = struct.unpack('>H', data[4:6])[0]
    assert data[2:4] == b'\xff\xe0'
    return data[:2] + data[4 + length :]


def with_adobe(data, transform):
    return data[:2] + b'\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00' + bytes([transform]) + data[2:]


# Pillow cannot write JPEGs that store RGB. But a YCbCr JPEG is decoded as RGB, with other colors, if it has Adobe's
# segment instead of JFIF's, or if its components are named R, G and B.
plain = without_jfif(jpeg(photo, subsampling=0))
write('rgb-adobe.jpg', with_adobe(plain, 0), tolerance=1)
write('ycc-adobe.jpg', with_adobe(plain, 1), tolerance=1)
named = plain
for number, letter in ((1, b'R'), (2, b'G'), (3, b'B')):
    table = {1: b'\x11\x00', 2: b'\x11\x01', 3: b'\x11\x01'}[number]
    selector = {1: b'\x00', 2: b'\x11', 3: b'\x11'}[number]
    assert named.count(bytes([number]) + table) == 1
    named = named.replace(bytes([number]) + table, letter + table)
    start = named.index(b'\xff\xda')
    named = named[:start] + named[start:].replace(bytes([number]) + selector, letter + selector, 1)
write('rgb-names.jpg', named, tolerance=1)
# A JFIF segment takes precedence over an Adobe segment.
write('jfif-adobe-0.jpg', with_adobe(jpeg(photo, subsampling=0), 0), tolerance=1)

inks = Image.fromarray(np.stack([red, green, blue, alpha // 2], -1), 'CMYK')
cmyk = jpeg(inks, subsampling=0)
write('cmyk-adobe.jpg', cmyk, tolerance=2)
marker = cmyk.index(b'Adobe')
write('ycck.jpg', cmyk[: marker + 11] + b'\x02' + cmyk[marker + 12 :], tolerance=2)
write('cmyk-no-adobe.jpg', cmyk[: marker - 4] + cmyk[marker + 12 :], tolerance=2)

fill = jpeg(photo)
for mark in (b'\xff\xdb', b'\xff\xc4', b'\xff\xda'):
    fill = fill.replace(mark, b'\xff\xff\xff' + mark)
write('fill-bytes.jpg', fill, tolerance=1)
write('trailing.jpg', jpeg(photo) + b'what a phone keeps behind its pictures', tolerance=1)
write('extraneous.jpg', jpeg(photo)[:-2] + b'\x01\x02\x03' + b'\xff\xd9', tolerance=1)
twelve = bytearray(jpeg(photo))
twelve[bytes(twelve).index(b'\xff\xc0') + 4] = 12
(folder / 'twelve-bit.jpg').write_bytes(bytes(twelve))

# A color profile that swaps red and green. Neither Pillow's convert('RGB') nor the demo page applies it.
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
swapped = profile.replace(b'rXYZ', b'????').replace(b'gXYZ', b'rXYZ').replace(b'????', b'gXYZ')
write('icc.jpg', jpeg(photo, icc_profile=swapped), tolerance=1)

# PNG.
png = lambda picture, **options: encoded(picture, 'PNG', **options)
write('icc.png', png(photo, icc_profile=swapped))
write('rgb.png', png(photo))
write('rgba.png', png(rgba))
write('gray.png', png(gray))
write('gray-alpha.png', png(Image.fromarray(np.stack([red, alpha], -1), 'LA')))
write('palette.png', png(photo.quantize(40)))
write('palette-transparent.png', png(photo.quantize(40), transparency=bytes([0, 80, 160] + [255] * 37)))
write('one-bit.png', png(gray.point(lambda value: 255 * (value > 128), '1')))
write('four-bit.png', png(gray.quantize(13), bits=4))
write('gray-key.png', png(gray, transparency=int(red[5, 5])))
write('rgb-key.png', png(photo, transparency=tuple(int(channel[5, 5]) for channel in (red, green, blue))))
write('exif-6.png', png(photo, exif=exif(6)))


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png_of(color_type, bits, passes):
    """Encodes a PNG. Each pass is an array [height, width, bytes per pixel]."""
    lines = b''.join(b'\0' + line.tobytes() for one in passes for line in one if one.size)
    header = struct.pack('>IIBBBBB', WIDTH, HEIGHT, bits, color_type, 0, 0, len(passes) > 1)
    chunks = chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(lines)) + chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + chunks


def adam7(samples):
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    return [samples[top::down, left::right] for top, left, down, right in steps]


three = np.stack([red, green, blue], -1)
write('interlaced.png', png_of(2, 8, adam7(three)))
# The upper 8 of 16 bits are used, as in Pillow for colors (gray is clipped at 255 there). A decoder that rounds may
# differ by 1.
low = np.stack([green, blue, red], -1)
sixteen = (three.astype('>u2') << 8) | low
write('rgb-16.png', png_of(2, 16, [sixteen.astype('>u2').view('u1').reshape(HEIGHT, WIDTH, 6)]), three, tolerance=1)
gray16 = sixteen[..., 0].astype('>u2')
gray_pixels = np.repeat(three[..., :1], 3, -1)
write('gray-16.png', png_of(0, 16, [gray16.view('u1').reshape(HEIGHT, WIDTH, 2)]), gray_pixels, tolerance=1)

# GIF.
gif = lambda picture, **options: encoded(picture, 'GIF', **options)
few = photo.quantize(31)
write('palette.gif', gif(few))
write('transparent.gif', gif(few, transparency=few.getpixel((5, 5))))
write('animated.gif', gif(few, save_all=True, append_images=[few.transpose(Image.Transpose.ROTATE_180)]))
# A first frame smaller than the picture: the rest is transparent, as in browsers. (Pillow uses the first color.)
small = gif(few)
descriptor = small.index(b'\x2c\0\0\0\0')
offset = bytearray(small)
offset[6:10] = struct.pack('<HH', WIDTH + 6, HEIGHT + 5)
offset[descriptor + 1 : descriptor + 5] = struct.pack('<HH', 4, 3)
around = np.full((HEIGHT + 5, WIDTH + 6, 3), 255, 'u1')
around[3 : 3 + HEIGHT, 4 : 4 + WIDTH] = pixels_of(small)
write('offset.gif', bytes(offset), around)

# WebP.
webp = lambda picture, **options: encoded(picture, 'WEBP', **options)
write('lossless.webp', webp(photo, lossless=True))
write('transparent.webp', webp(rgba, lossless=True, exact=True))
write('lossy.webp', webp(photo, quality=90), tolerance=1)
write('exif-8.webp', webp(photo, lossless=True, exif=exif(8)))

# TIFF.
tiff = lambda picture, **options: encoded(picture, 'TIFF', **options)
write('lzw.tif', tiff(photo, compression='tiff_lzw'))
write('deflate.tif', tiff(photo, compression='tiff_adobe_deflate'))
write('jpeg.tif', tiff(photo.convert('YCbCr'), compression='jpeg'), tolerance=1)
write('fax.tif', tiff(gray.point(lambda value: 255 * (value > 128), '1'), compression='group4'))
write('palette.tif', tiff(few))
write('cmyk.tif', tiff(inks))
write('rgba.tif', tiff(rgba))
# (Pillow 9 applies the orientation of a TIFF on loading, and then a second time in exif_transpose.)
write('exif-5.tif', tiff(photo, exif=exif(5)), three.transpose(1, 0, 2))
(folder / 'float.tif').write_bytes(tiff(Image.fromarray(red.astype('f4'))))
write('pages.tif', tiff(photo, save_all=True, append_images=[gray]))

# Pictures scaled by Pillow, whose filter ours must match.
for index, (height, width) in enumerate([(7, 9), (18, 40), (50, 26), (61, 35), (1, 1)]):
    scaled = np.asarray(photo.resize((width, height), Image.Resampling.BILINEAR))
    expected[f'resize-{index}'] = {
        'height': height,
        'width': width,
        'tolerance': 0,
        'pixels': base64.b64encode(scaled.tobytes()).decode(),
    }

(folder / 'expected.json').write_text(json.dumps(expected, indent=1) + '\n')
total = sum(path.stat().st_size for path in fixtures())
print(f'{len(expected)} pictures, {total / 1000:.0f} kB')
