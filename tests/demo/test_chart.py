from qiskit_modes.demo.chart import Curve, bars, curves, nice_step


def drawn(values, **box):
    return [line.plain for line in curves([Curve(values, "")], **box)]


def test_a_falling_curve_goes_from_the_upper_left_to_the_lower_right():
    lines = drawn([1.0, 0.0], high=1.0, length=2, width=4, height=2)
    assert lines[0][0] != " "
    assert lines[1][3] != " "
    assert lines[0][3] == " "
    assert lines[1][0] == " "


def test_values_beyond_the_edge_are_drawn_at_the_edge():
    inside = drawn([1.0, 0.0], high=1.0, length=2, width=4, height=2)
    assert drawn([7.0, 0.0], high=1.0, length=2, width=4, height=2) == inside


def test_no_values_draw_nothing():
    assert drawn([], high=1.0, length=40, width=5, height=3) == [" " * 5] * 3


def test_where_curves_meet_the_last_one_gives_the_colour():
    flat = [Curve([1.0], "red"), Curve([1.0], "blue")]
    (line,) = curves(flat, high=1.0, length=1, width=1, height=1)
    assert [span.style for span in line.spans] == ["blue"]


def test_the_shortest_interval_is_still_seen():
    assert bars([(0.5, 0.5001)], step=1.0, width=2) == "▁ "


def test_intervals_that_share_a_step_add_up():
    assert bars([(0.0, 0.25), (0.5, 0.75)], step=1.0, width=1) == "▄"


def test_intervals_outside_of_the_picture_are_left_out():
    assert bars([(5.0, 6.0)], step=1.0, width=2) == "  "


def test_steps_grow_with_what_they_have_to_hold():
    assert [nice_step(length, 10) for length in (1.0, 1.1, 3.0, 11.0)] == [0.1, 0.2, 0.5, 2.0]
