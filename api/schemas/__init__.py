"""Request and response bodies. The schema says what is true: no field that is never sent, none unsaid."""
