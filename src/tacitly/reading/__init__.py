"""What an answer says, in phrases, labels, numbers and letters of options: judges and locators read it alike."""
