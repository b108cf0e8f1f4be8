"""The local web page: server and static files."""
