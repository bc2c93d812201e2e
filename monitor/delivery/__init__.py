"""Messages to readers and operators: mail, webhooks, notifications, the published site."""
