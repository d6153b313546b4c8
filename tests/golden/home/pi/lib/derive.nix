# What follows from the stack config yields to a module of your own: text, numbers and switches
# stand at priority 900, below a plain definition and above nixpkgs' mkDefault. Lists are left
# alone, because they join with yours, and so are the lines under mkAfter and mkBefore.
lib:

let
  derive =
    value:
    if builtins.isAttrs value && !(value ? _type) && !(lib.isDerivation value) then
      builtins.mapAttrs (_: derive) value
    else if builtins.isList value || builtins.isAttrs value && value ? _type then
      value
    else
      lib.mkOverride 900 value;
in
derive
