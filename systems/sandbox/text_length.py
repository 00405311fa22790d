"""How long a text is to both systems."""


def text_length(text: str) -> int:
    """UTF-16 code units, as .NET and SQL Server count: an emoji has two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
