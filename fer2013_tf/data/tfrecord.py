"""The TFRecord wire format: length, checksum and data of each record.

Written without TensorFlow, which takes seconds to import.
"""

import functools
import struct

import numpy as np

HEAD, TAIL = 12, 4  # bytes around a record: length and its checksum; the data's checksum


def frame_record(data):
    """Return a record of a TFRecord file: length and its checksum, data and their checksum."""
    return _framed_length(len(data)) + data + _masked_crc(data)


@functools.lru_cache(maxsize=1024)
def _framed_length(length):
    data = struct.pack("<Q", length)
    return data + _masked_crc(data)


def _masked_crc(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


_CRC_BLOCK = 4096


@functools.cache
def _crc_tables():
    """Compute what each byte of a block adds (by XOR) to its CRC: uint32 [4096, 256], in order."""
    one = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        one = one >> 1 ^ np.where(one & 1, np.uint32(0x82F63B78), np.uint32(0))
    tables = [one]
    for _ in range(_CRC_BLOCK - 1):
        tables.append(one[tables[-1] & 255] ^ tables[-1] >> 8)
    return np.stack(tables[::-1]), np.arange(_CRC_BLOCK) * 256


def crc32c(data):
    """Compute the CRC-32C (Castagnoli) of bytes, as an int."""
    tables, rows = _crc_tables()
    crc = 0xFFFFFFFF
    for start in range(0, len(data), _CRC_BLOCK):
        block = np.frombuffer(data, np.uint8, offset=start)[:_CRC_BLOCK].copy()
        length = len(block)
        # The CRC so far counts as if it were XORed into the next four bytes.
        block[:4] ^= np.frombuffer(crc.to_bytes(4, "little"), np.uint8)[:length]
        added = tables.take(rows[_CRC_BLOCK - length :] + block)
        crc = crc >> 8 * length ^ int(np.bitwise_xor.reduce(added))
    return crc ^ 0xFFFFFFFF
