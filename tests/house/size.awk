# SPDX-License-Identifier: Apache-2.0
# Names C functions of over 60 lines, from brace to brace, and files of over 450.
FNR == 1 { if (n > 450) print file ": " n " lines"; file = FILENAME }
{ n = FNR }
/^\{/ { start = FNR }
/^\}/ && start { if (FNR - start > 60) print FILENAME ":" start ": a function of " FNR - start " lines"; start = 0 }
END { if (n > 450) print file ": " n " lines" }
