"""Which class: from the arms of a classification to answers, and from answers to metrics."""
