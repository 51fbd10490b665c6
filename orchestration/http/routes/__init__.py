"""What the service answers: a module for each subject, and no logic of its own in any."""
