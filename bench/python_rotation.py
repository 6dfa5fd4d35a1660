"""A rotation as a script of twenty lines does it: Fernet decrypt and encrypt of each value, written in place, and no more.

python_rotation.py make DIRECTORY FILES: makes the files, of 20 variables each
python_rotation.py rotate DIRECTORY: encrypts them under a new key
"""
import os
import sys

from cryptography.fernet import Fernet


def paths(directory):
    tenants = os.path.join(directory, "t")
    return [os.path.join(tenants, name, ".env.encrypted") for name in sorted(os.listdir(tenants))]


def make(directory, files):
    key = Fernet.generate_key()
    fernet = Fernet(key)
    for number in range(files):
        os.makedirs(os.path.join(directory, "t", "t%d" % number))
        with open(os.path.join(directory, "t", "t%d" % number, ".env.encrypted"), "w") as file:
            for i in range(20):
                file.write("SERVICE_%d_TOKEN=%s\n" % (i + 1, fernet.encrypt(os.urandom(24).hex().encode()).decode()))
    with open(os.path.join(directory, "key"), "wb") as file:
        file.write(key)


def rotate(directory):
    with open(os.path.join(directory, "key"), "rb") as file:
        old = Fernet(file.read())
    key = Fernet.generate_key()
    new = Fernet(key)
    for path in paths(directory):
        with open(path) as file:
            lines = [line.rstrip("\n").split("=", 1) for line in file]
        with open(path, "w") as file:
            for name, token in lines:
                file.write("%s=%s\n" % (name, new.encrypt(old.decrypt(token.encode())).decode()))
    with open(os.path.join(directory, "key"), "wb") as file:
        file.write(key)


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]))
else:
    rotate(sys.argv[2])
