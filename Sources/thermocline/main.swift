print("thermocline")
