"""Moved to ``accounts.paging``; here for who has not moved along yet."""

from accounts.paging import cut_page as cut_page
from accounts.paging import page_of as page_of
from accounts.paging import read_cursor as read_cursor
from accounts.paging import read_limit as read_limit
from accounts.paging import write_cursor as write_cursor
