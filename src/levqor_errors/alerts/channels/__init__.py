"""The channels: a folder or a file each, with all that only it needs beside it. See `../channel.py` for what each can
do."""
