"""The services that carry messages. A new one is one file here and one line in ``NOTIFIERS``."""

from __future__ import annotations

from alerts.notifiers import (
    apprise,
    discord,
    email,
    mattermost,
    ntfy,
    opsgenie,
    pagerduty,
    pushover,
    slack,
    teams,
    telegram,
    webhook,
)
from alerts.notifiers.base import Mail, Notifier, Outgoing, Relay, Settings
from probes.sentences import say

NOTIFIERS: dict[str, Notifier] = {
    "email": Notifier(say("E-mail"), email.EmailSettings, email.write),
    "webhook": Notifier("Webhook", webhook.WebhookSettings, webhook.write),
    "slack": Notifier("Slack", slack.SlackSettings, slack.write),
    "discord": Notifier("Discord", discord.DiscordSettings, discord.write),
    "teams": Notifier("Microsoft Teams", teams.TeamsSettings, teams.write),
    "telegram": Notifier("Telegram", telegram.TelegramSettings, telegram.write, complaint=telegram.complaint),
    "pagerduty": Notifier("PagerDuty", pagerduty.PagerDutySettings, pagerduty.write, threads=True),
    "opsgenie": Notifier("Opsgenie", opsgenie.OpsgenieSettings, opsgenie.write, threads=True),
    "ntfy": Notifier("ntfy", ntfy.NtfySettings, ntfy.write),
    "pushover": Notifier("Pushover", pushover.PushoverSettings, pushover.write, complaint=pushover.complaint),
    "mattermost": Notifier("Mattermost", mattermost.MattermostSettings, mattermost.write),
    "apprise": Notifier("Apprise", apprise.AppriseSettings, apprise.write),
}

__all__ = ["NOTIFIERS", "Mail", "Notifier", "Outgoing", "Relay", "Settings"]
