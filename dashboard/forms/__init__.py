"""The forms of the pages. They read what was typed; whether it makes sense together is for the services to say."""
