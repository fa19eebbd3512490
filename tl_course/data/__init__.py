"""What goes in: inputs on one scale, labelled examples, what is learnt first and adapted to."""
