"""Published tables of model performance as data: every row with its figures, and the case that measures it again."""
