"""(to be written)"""


def measure(context):
    return {}
