"""What the models must reproduce, fact by fact (``neurodrift validate``)."""
