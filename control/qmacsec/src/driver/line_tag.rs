//! A VLAN tag that the line adds: its meaning for the operator, logged once for each kind of tag.

use tracing::Level;
use worker::LineTag;

use super::journal::Line;

/// The last tag logged.
#[derive(Default)]
pub(super) struct LineTagWatch {
    logged: Option<LineTag>,
}

impl LineTagWatch {
    /// Takes the last tag that the workers saw. Returns a log line if its kind is new.
    pub(super) fn on_look(&mut self, seen: Option<LineTag>) -> Option<Line> {
        let tag = seen?;
        if self.logged.is_some_and(|logged| kind(logged) == kind(tag)) {
            return None;
        }
        self.logged = Some(tag);
        Some(Line {
            level: if tag.taken_off {
                Level::INFO
            } else {
                Level::WARN
            },
            kind: "line_tag",
            text: text(tag),
        })
    }

    /// The same text for the status.
    pub(super) fn report(&self) -> Option<String> {
        self.logged.map(text)
    }
}

/// The kind of a tag, without its priority: priorities differ from frame to frame.
fn kind(tag: LineTag) -> (u16, u16, u8, bool) {
    (tag.tpid, tag.vlan(), tag.tags, tag.taken_off)
}

fn text(tag: LineTag) -> String {
    let LineTag { tpid, tags, .. } = tag;
    let (vlan, priority) = (tag.vlan(), tag.priority());
    let what = match vlan {
        0 => format!("a priority tag (0x{tpid:04x}, VLAN 0, priority {priority})"),
        _ => format!("a VLAN tag (0x{tpid:04x}, VLAN {vlan}, priority {priority})"),
    };
    match (tag.taken_off, tags) {
        (true, _) => format!("the line adds {what} before our frames: the tag is removed"),
        (false, 1) => format!(
            "the line adds {what} before our frames: they are dropped (InPktsNoTag); \
             fix: set macsec.line_vlan_tags = 1"
        ),
        (false, _) => format!(
            "our frames arrive with {tags} VLAN tags, the outer one is {what}: they are dropped \
             (InPktsNoTag); fix: set macsec.line_vlan_tags = 2, or make the line remove its tags"
        ),
    }
}

#[cfg(test)]
mod tests;
