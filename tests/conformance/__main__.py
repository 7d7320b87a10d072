"""``python -m tests.conformance``: write the page that lists the rules."""

from tests.conformance.page import PAGE, page

PAGE.write_text(page())
