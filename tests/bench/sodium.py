"""Prints the nanoseconds that libsodium takes to seal and open a box, with a key that is made already, no base64.

sodium.py BYTES ROUNDS. Fails where there is no libsodium.
"""

import ctypes
import sys
import time

sodium = ctypes.CDLL("libsodium.so.23")
size, rounds = int(sys.argv[1]), int(sys.argv[2])
sodium.sodium_init()
public, secret, key = (ctypes.create_string_buffer(32) for _ in range(3))
sodium.crypto_box_keypair(public, secret)
sodium.crypto_box_beforenm(key, public, secret)
nonce = ctypes.create_string_buffer(24)
plain = ctypes.create_string_buffer(size)
sealed = ctypes.create_string_buffer(size + 16)
length = ctypes.c_ulonglong
start = time.perf_counter_ns()
for _ in range(rounds):
    sodium.crypto_box_easy_afternm(sealed, plain, length(size), nonce, key)
    if sodium.crypto_box_open_easy_afternm(plain, sealed, length(size + 16), nonce, key) != 0:
        sys.exit("it does not open")
print((time.perf_counter_ns() - start) // rounds)
