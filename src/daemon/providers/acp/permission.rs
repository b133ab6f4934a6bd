//! Questions of ACP agents, and the answers to them.

use serde_json::{Value, json};

use super::lenient::Whole;
use super::schema::{PermissionOption, Tool};
use crate::daemon::providers::Stopped;
use crate::protocol::agents::{PermissionAction, PermissionRequest};
use crate::protocol::permissions::PermissionAnswer;

/// Makes the question that people see, with everything that the tool gets and shows; `None` when that is more than a
/// question can carry. Nobody can answer what they cannot see.
pub(super) fn question(tool: &Tool, options: &[PermissionOption]) -> Option<PermissionRequest> {
    let whole = |it: &Option<Whole>| match it {
        Some(it) => it.value().cloned().map(Some),
        None => Some(None),
    };
    let input = whole(&tool.raw_input)?;
    let content = whole(&tool.content.as_ref().map(|content| content.whole.clone()))?;
    // A title is words of the agent. What is made of a tool call would take it for a command, a path or a name.
    let untitled = Tool {
        title: None,
        ..tool.clone()
    };
    let action = |option: &PermissionOption| PermissionAction {
        id: option.option_id.clone(),
        label: option.name.clone(),
        behavior: if allows(option) { "allow" } else { "deny" }.to_owned(),
        other: Default::default(),
    };
    let places = tool.locations.iter().flat_map(|locations| &locations.0);
    let places: Vec<_> = places.map(|place| json!({ "path": place.path })).collect();
    let call = json!({ "toolCallId": tool.tool_call_id, "rawInput": input, "content": content, "locations": places });
    let metadata = json!({ "toolCallId": tool.tool_call_id, "options": options, "rawRequest": { "toolCall": call } });
    Some(PermissionRequest {
        id: uuid::Uuid::new_v4().to_string(),
        // As the official daemon has it: not the name that the agent goes by here.
        provider: "acp".to_owned(),
        name: untitled.label(),
        kind: match tool.kind() {
            "switch_mode" => "mode",
            _ => "tool",
        }
        .to_owned(),
        title: tool.title.clone(),
        description: untitled.subject().or_else(|| tool.title.clone()),
        // The protocol knows objects only.
        input: input.filter(Value::is_object),
        detail: Some(untitled.detail()),
        actions: Some(options.iter().map(action).collect()),
        other: [("metadata".to_owned(), metadata)].into(),
    })
}

/// Returns the agent's reply to a question that cannot be carried.
pub(super) fn refused(options: &[PermissionOption]) -> Value {
    let deny = PermissionAnswer::Deny {
        selected_action_id: None,
        message: None,
        interrupt: None,
    };
    outcome(Ok(deny), options)
}

/// An option of a kind that we do not know allows nothing.
fn allows(option: &PermissionOption) -> bool {
    option.kind.starts_with("allow")
}

/// The agent's reply for the answer of a person. Without a choice the narrowest one is taken: `once`
/// before `always`.
pub(super) fn outcome(
    answer: Result<PermissionAnswer, Stopped>,
    options: &[PermissionOption],
) -> Value {
    let (allow, chosen) = match answer {
        Ok(PermissionAnswer::Allow {
            selected_action_id, ..
        }) => (true, selected_action_id),
        Ok(PermissionAnswer::Deny {
            selected_action_id, ..
        }) => (false, selected_action_id),
        Err(Stopped) => return canceled(),
    };
    let mut fitting = options.iter().filter(|option| allows(option) == allow);
    let option = match &chosen {
        Some(id) => fitting.find(|option| option.option_id == *id),
        None => fitting.min_by_key(|option| !option.kind.ends_with("_once")),
    };
    match option {
        Some(option) => {
            json!({ "outcome": { "outcome": "selected", "optionId": option.option_id } })
        }
        // Not what was chosen is no answer.
        None => canceled(),
    }
}

/// The reply when nobody answers.
pub(super) fn canceled() -> Value {
    json!({ "outcome": { "outcome": "cancelled" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(kinds: &[&str]) -> Vec<PermissionOption> {
        let option = |kind: &&str| PermissionOption {
            option_id: format!("id-{kind}"),
            name: (*kind).to_owned(),
            kind: (*kind).to_owned(),
        };
        kinds.iter().map(option).collect()
    }

    fn allow(id: Option<&str>) -> Result<PermissionAnswer, Stopped> {
        Ok(PermissionAnswer::Allow {
            selected_action_id: id.map(str::to_owned),
            updated_input: None,
            updated_permissions: None,
        })
    }

    fn deny() -> Result<PermissionAnswer, Stopped> {
        Ok(PermissionAnswer::Deny {
            selected_action_id: None,
            message: None,
            interrupt: None,
        })
    }

    #[test]
    fn nothing_wider_than_asked_for_is_chosen() {
        let all = options(&["allow_always", "allow_once", "reject_always", "reject_once"]);
        let chosen = |answer, options: &[_]| match &outcome(answer, options)["outcome"]["optionId"]
        {
            Value::String(id) => id.clone(),
            _ => "cancelled".to_owned(),
        };
        assert_eq!(chosen(allow(None), &all), "id-allow_once");
        assert_eq!(
            chosen(allow(Some("id-allow_always")), &all),
            "id-allow_always"
        );
        assert_eq!(chosen(allow(Some("id-reject_once")), &all), "cancelled");
        assert_eq!(chosen(allow(Some("elsewhere")), &all), "cancelled");
        assert_eq!(chosen(deny(), &all), "id-reject_once");
        assert_eq!(chosen(deny(), &options(&["allow_once"])), "cancelled");
        assert_eq!(chosen(allow(None), &options(&["odd"])), "cancelled");
        assert_eq!(chosen(Err(Stopped), &all), "cancelled");
    }
}
