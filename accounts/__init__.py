"""Who may do what: users, teams, roles and the tokens of programs."""
