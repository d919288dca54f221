"""The layering lint itself: each kind of forbidden include is planted in a tree and found."""

import layering
import pytest

CLEAN = {
    "dataplane/base/strong.h": "#include <cstdint>\n",
    "dataplane/wire/name.h": '#include "dataplane/base/strong.h"\n',
    "dataplane/io/port.cc": '#include <rte_ethdev.h>\n#include "dataplane/answer/answer.h"\n',
    "dataplane/steer/loader.cc": '#include <bpf/libbpf.h>\n#include "steer.skel.h"\n',
    "control/model/model.h": '#include "health/check.h"\n',
    "control/config/node.cc": '#include "control/model/model.h"\n',
    "health/check.h": "#include <string>\n",
    "tools/explain.cc": '#include "dataplane/answer/answer.h"\n#include "control/model/m.h"\n',
    "tests/dataplane/name_test.cc": '#include "dataplane/wire/name.h"\n',
}


def plant(root, files):
    for path, text in {**CLEAN, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return layering.check_tree(root)


def test_a_clean_tree_passes_and_every_file_was_read(tmp_path):
    assert plant(tmp_path, {}) == ([], len(CLEAN))


@pytest.mark.parametrize("path, text, complaint", [
    ("dataplane/wire/x.h", '\n#include "dataplane/table/view.h"\n',
     "dataplane/wire/x.h:2: dataplane/wire -> dataplane/table is not allowed"),
    ("dataplane/base/x.h", '#include "dataplane/wire/name.h"\n',
     "dataplane/base/x.h:1: dataplane/base -> dataplane/wire is not allowed"),
    ("dataplane/table/x.cc", '#include "dataplane/answer/answer.h"\n',
     "dataplane/table -> dataplane/answer"),
    ("dataplane/answer/x.cc", '#include "health/check.h"\n', "dataplane/answer -> health"),
    ("dataplane/answer/x.cc", "#include <rte_mbuf.h>\n", "dataplane/answer must not include DPDK"),
    ("dataplane/listen/x.cc", '#include "dataplane/io/port.h"\n',
     "dataplane/listen -> dataplane/io"),
    ("dataplane/steer/x.cc", '#include "dataplane/wire/name.h"\n',
     "dataplane/steer -> dataplane/wire"),
    ("dataplane/table/x.cc", "#include <bpf/bpf.h>\n", "dataplane/table must not include libbpf"),
    ("health/probe/x.cc", '#include "control/model/model.h"\n', "health -> control"),
    ("health/probe/x.cc", '#include "dataplane/table/view.h"\n', "health -> dataplane/table"),
    ("control/admin/x.cc", '#include "dataplane/answer/answer.h"\n', "control -> dataplane/answer"),
    ("control/admin/x.cc", '#include "dataplane/io/port.h"\n', "control -> dataplane/io"),
    ("control/admin/x.cc", "#include <rte_eal.h>\n", "control must not include DPDK"),
    ("control/admin/x.cc", '#include "tools/lib.h"\n', "control -> tools"),
    ("control/admin/x.cc", "#include <dataplane/io/port.h>\n", "control -> dataplane/io"),
    ("tools/x.cc", '#include "tests/support.h"\n', "tools -> tests"),
    ("dataplane/wire/x.cc", '#include "../table/t.h"\n', "dataplane/wire -> dataplane/table"),
    ("dataplane/wire/x.cc", '#include "unknown.h"\n', "names no file from the root"),
    ("dataplane/extra/x.cc", "\n", "dataplane/extra/x.cc:1: lies in no room"),
    ("dataplane/wire/x.cc", '  #  include "dataplane/table/view.h"\n',
     "dataplane/wire -> dataplane/table"),
])
def test_a_planted_arrow_is_refused_with_its_place(tmp_path, path, text, complaint):
    complaints, _ = plant(tmp_path, {"dataplane/table/t.h": "\n", path: text})
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_an_include_in_a_comment_is_no_include(tmp_path):
    text = ('// #include "control/model/model.h"\n'
            '/* so it was:\n#include "control/model/model.h"\n*/\n')
    assert plant(tmp_path, {"dataplane/wire/x.cc": text})[0] == []


def test_parts_of_control_must_not_include_each_other_in_a_circle(tmp_path):
    complaints, _ = plant(tmp_path, {
        "control/compile/c.h": '#include "control/model/model.h"\n#include "control/publish/p.h"\n',
        "control/publish/p.h": '#include "control/config/n.h"\n',
        "control/config/n.h": '#include "control/compile/c.h"\n',
    })
    assert len(complaints) == 1
    assert "circle" in complaints[0]
    for step in ("control/compile/c.h:2: control/compile -> control/publish",
                 "control/config/n.h:1: control/config -> control/compile",
                 "control/publish/p.h:1: control/publish -> control/config"):
        assert step in complaints[0]


def test_a_header_beside_the_parts_may_be_used_by_all_of_them(tmp_path):
    assert plant(tmp_path, {
        "health/transition.h": "\n",
        "health/health.h": '#include "health/schedule/s.h"\n',
        "health/schedule/s.h": '#include "health/transition.h"\n',
        "health/transition.cc": '#include "health/transition.h"\n',
    })[0] == []


def test_the_command_fails_on_a_violation_and_on_an_empty_tree(tmp_path, capsys):
    assert layering.main([str(tmp_path)]) == 1
    assert "no source files" in capsys.readouterr().out
    plant(tmp_path, {})
    assert layering.main([str(tmp_path)]) == 0
    plant(tmp_path, {"health/x.cc": '#include "control/model/model.h"\n'})
    capsys.readouterr()
    assert layering.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("health/x.cc:1: health -> control is not allowed")
