//! What can be chosen in a session: mode, model, how hard to think.

use serde_json::{Value, json};

use super::schema::{Choice, SessionState};
use crate::daemon::providers::{Description, Settings};
use crate::protocol::agents::Mode;
use crate::protocol::providers::{Model, ThinkingOption};

/// Something that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Mode,
    Model,
    Thinking,
}

impl Setting {
    pub(super) const ALL: [Self; 3] = [Self::Mode, Self::Model, Self::Thinking];

    /// What a person wants it to be.
    pub(super) fn wanted(self, settings: &Settings) -> Option<&str> {
        match self {
            Self::Mode => settings.mode.as_deref(),
            Self::Model => settings.model.as_deref(),
            Self::Thinking => settings.thinking.as_deref(),
        }
    }

    /// What people call it.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Model => "model",
            Self::Thinking => "thinking option",
        }
    }

    /// The category of its configuration option.
    fn category(self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::Model => "model",
            Self::Thinking => "thought_level",
        }
    }
}

/// The choices of one setting.
#[derive(Debug, Clone, Default)]
pub(super) struct Offer {
    choices: Vec<Choice>,
    pub(super) current: Option<String>,
    /// Id of its configuration option; without one it has a method of its own.
    option: Option<String>,
}

impl Offer {
    /// The ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.choices
            .iter()
            .filter_map(|choice| choice.value.as_deref())
    }
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Offers {
    mode: Offer,
    model: Offer,
    thinking: Offer,
}

impl Offers {
    /// One setting.
    pub(super) fn of(&self, setting: Setting) -> &Offer {
        match setting {
            Setting::Mode => &self.mode,
            Setting::Model => &self.model,
            Setting::Thinking => &self.thinking,
        }
    }

    fn of_mut(&mut self, setting: Setting) -> &mut Offer {
        match setting {
            Setting::Mode => &mut self.mode,
            Setting::Model => &mut self.model,
            Setting::Thinking => &mut self.thinking,
        }
    }

    /// Notes that a setting has a value now.
    pub(super) fn set(&mut self, setting: Setting, value: String) {
        self.of_mut(setting).current = Some(value);
    }

    /// Takes over what the agent tells; what it does not mention stays. Configuration options come
    /// before the older `modes` and `models`, as ACP asks.
    pub(super) fn learn(&mut self, state: SessionState) {
        if let Some(modes) = state.modes {
            let choice = |mode: super::schema::ModeInfo| Choice {
                value: Some(mode.id),
                name: mode.name,
                description: mode.description,
                options: Vec::new(),
            };
            self.mode = Offer {
                choices: modes.available_modes.into_iter().map(choice).collect(),
                current: Some(modes.current_mode_id),
                option: None,
            };
        }
        if let Some(models) = state.models {
            let choice = |model: super::schema::ModelInfo| Choice {
                value: Some(model.model_id),
                name: model.name,
                description: model.description,
                options: Vec::new(),
            };
            self.model = Offer {
                choices: models.available_models.into_iter().map(choice).collect(),
                current: Some(models.current_model_id),
                option: None,
            };
        }
        for option in state.config_options {
            let category = option.category.as_deref();
            let settings = Setting::ALL.into_iter();
            for setting in settings.filter(|setting| category == Some(setting.category())) {
                let groups = option.options.clone().into_iter();
                let choices = groups.flat_map(|mut choice| {
                    let members = std::mem::take(&mut choice.options);
                    let alone = choice.value.is_some().then_some(choice);
                    alone.into_iter().chain(members)
                });
                *self.of_mut(setting) = Offer {
                    choices: choices.collect(),
                    current: Some(option.current_value.clone()),
                    option: Some(option.id.clone()),
                };
            }
        }
    }

    /// The request that changes a setting.
    pub(super) fn request(
        &self,
        session: &str,
        setting: Setting,
        value: &str,
    ) -> (&'static str, Value) {
        match (&self.of(setting).option, setting) {
            (None, Setting::Mode) => (
                "session/set_mode",
                json!({ "sessionId": session, "modeId": value }),
            ),
            (None, Setting::Model) => (
                "session/set_model",
                json!({ "sessionId": session, "modelId": value }),
            ),
            (option, _) => (
                "session/set_config_option",
                json!({ "sessionId": session, "configId": option, "value": value }),
            ),
        }
    }

    /// The modes as clients see them.
    pub(super) fn modes(&self) -> Vec<Mode> {
        let mode = |choice: &Choice| {
            Some(Mode {
                id: choice.value.clone()?,
                label: choice.name.clone(),
                description: choice.description.clone(),
                other: Default::default(),
            })
        };
        self.mode.choices.iter().filter_map(mode).collect()
    }

    /// Puts the choices into the description of a provider; what is in force is the default.
    pub(super) fn describe(&self, description: &mut Description) {
        description.modes = self.modes();
        description.default_mode = self.mode.current.clone();
        let option = |choice: &Choice| {
            Some(ThinkingOption {
                id: choice.value.clone()?,
                label: choice.name.clone(),
                description: choice.description.clone(),
                ..ThinkingOption::default()
            })
        };
        let thinking: Vec<_> = self.thinking.choices.iter().filter_map(option).collect();
        let model = |choice: &Choice| {
            let id = choice.value.clone()?;
            Some(Model {
                provider: description.id.clone(),
                is_default: (self.model.current.as_ref() == Some(&id)).then_some(true),
                id,
                label: choice.name.clone(),
                description: choice.description.clone(),
                thinking_options: (!thinking.is_empty()).then(|| thinking.clone()),
                default_thinking_option_id: self.thinking.current.clone(),
                ..Model::default()
            })
        };
        description.models = self.model.choices.iter().filter_map(model).collect();
    }
}
