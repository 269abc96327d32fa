// A button beside each command that copies it.
window.copyable = command => {
  const button = document.createElement("button"), text = command.textContent;
  button.type = "button";
  button.className = "copy";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(command.firstChild ?? command);
      button.textContent = "selected";
    }
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  if (command.tagName === "PRE") command.append(button);
  else command.after(button);
};
