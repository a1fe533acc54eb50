"""The ways in which a person meets the assistant; each turns the event stream into something they see."""
