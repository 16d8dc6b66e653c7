"""A note of the teachers and their order with the state of a module, compared when it is loaded."""

from typing import Any

from torch import nn

from tutelage.regularizers.columns import TeacherColumns

__all__ = ["TeacherOrder"]


class TeacherOrder(nn.Module):
    """A module whose state belongs to the columns of teachers in one order, and is refused in another.

    The state alone fits in any order, since the columns of all teachers lie side by side. The note is
    in the metadata of ``state_dict``, which ``torch.save`` keeps; a state without it, as from
    safetensors, is not compared.

    Attributes:
        teachers: Names and widths of the teachers.

    Raises:
        RuntimeError: By ``load_state_dict``, if the same teachers are in another order, or widths are
            others.

    Example:
        >>> first, second = TeacherOrder(), TeacherOrder()
        >>> first.teachers = TeacherColumns.of({"clip": 2, "dino": 2})
        >>> second.teachers = TeacherColumns.of({"dino": 2, "clip": 2})
        >>> second.load_state_dict(first.state_dict())
        Traceback (most recent call last):
            ...
        RuntimeError: Error(s) in loading state_dict for TeacherOrder:
            the state is of teachers {'clip': 2, 'dino': 2}, in this order, and TeacherOrder is of ...
    """

    teachers: TeacherColumns

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if (metadata := getattr(destination, "_metadata", None)) is not None:
            metadata[prefix[:-1]]["teachers"] = self.teachers.by_name

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        saved = local_metadata.get("teachers")
        if saved is not None and self.teachers.differs_in_order(saved):
            error_msgs.append(
                f"the state is of teachers {saved}, in this order, and {type(self).__name__} is of "
                f"{self.teachers.by_name}; build it with the teachers in the order of the state"
            )
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
