"""`python -m tl_course`: the command `tl-course`, for torchrun and for whoever has no PATH."""

import sys

from tl_course.app.cli import main

sys.exit(main())
