"""Pictures of results: functions of a result and the store it came from. Matplotlib is imported where it draws."""
