"""The script lint itself: a planted fault in each language is found, clean scripts pass."""

import pytest
import scripts

CLEAN = {"tools/run": '#!/bin/bash\nset -euo pipefail\necho "$1"\n',
         "tools/lib/x.py": "import sys\nprint(sys.argv)\n",
         "tests/fuzz/corpus/name/text": "#!/bin/sh\nif\n",
         "tools/data": "plain text, $1 `\n"}


def plant(root, files):
    for path, text in {**CLEAN, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return scripts.check_tree(root)


def test_clean_scripts_pass_and_data_is_not_read(tmp_path):
    assert plant(tmp_path, {}) == ([], 2)
    assert scripts.main([str(tmp_path)]) == 0


@pytest.mark.parametrize("path, text, complaint", [
    ("tools/bad", "#!/bin/bash\ncd $1\n", "tools/bad:2:"),
    (".ci/run", "#!/bin/sh\nif true\n", ".ci/run:"),
    ("tools/bad", "#!/usr/bin/python3\nimport os\n", "tools/bad:2:1: 'os' imported but unused"),
    ("tests/lint/x.py", "print(unknown)\n", "undefined name 'unknown'"),
    ("bench/x.py", "def f(:\n", "bench/x.py:1:"),
    ("tools/wide.sh", "#!/bin/bash\n# " + "x" * 100 + "\n", "102 columns, at most 100"),
])
def test_a_planted_fault_is_found(tmp_path, path, text, complaint):
    complaints, _ = plant(tmp_path, {path: text})
    assert any(complaint in line for line in complaints), complaints
    assert scripts.main([str(tmp_path)]) == 1


def test_an_empty_tree_is_refused(tmp_path):
    assert scripts.main([str(tmp_path)]) == 1
