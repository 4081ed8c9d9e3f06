"""The one exception type that means: the input is at fault, and here is how."""


class PhotostyleError(ValueError):
    """Raised for input that cannot be used: a file, an option, an array.

    The message is a single sentence that names the argument or file, what is required and what came.
    The command line prints it and exits with code 2; no other exception type is turned into a message there.
    """
