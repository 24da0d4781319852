"""After a search: fewer channels, fewer different weights, and the files that are shipped."""
