// A function without a body is taken for granted only where there is a file like this one.
