"""Plain NumPy float64 references of the neural models, written from the published equations alone.

Nothing here imports the package. One module per model, each with

- ``VARIABLES``: names of the rows of y; ``TIME_UNIT``: the model's own unit of time in seconds;
- ``PARAMETERS``: dict of named sets, each a dict of numbers (or (n_nodes,) arrays) with the paper's letters;
- ``slope(parameters, y, stim, past=())``: dy/dt, all (n_variables, n_nodes), stim (n_nodes,);
- ``initial(parameters, n_nodes)``: the start that the targets are computed from;
- ``observe(parameters, y)``: the recorded quantity;
- ``noise_gain(parameters)``: (n_variables,) what a unit of white noise density multiplies in each row;
- ``delays(parameters)``, delayed models only: tuple of delays in the model's unit of time.

``integrate.heun`` steps any of them:
``heun(lambda y, u, past: model.slope(q, y, u, past), model.initial(q), dt, n_steps, delays=model.delays(q))``.
Nodes are independent unless the parameters hold a coupling; in the ensembles (kuramoto, bonhoeffer_van_der_pol,
hindmarsh_rose) they are the coupled cells of one population.
"""
